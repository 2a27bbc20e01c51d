"""An environment: dev, staging or production, one YAML file each. Nothing that a message says changes what is here.

environment.py, build_policy.py, rollout_policy.py    what a file says
folder.py                                             the files, read
"""

from poolwright.environments.build_policy import BuildPolicy as BuildPolicy
from poolwright.environments.build_policy import ReferencePool as ReferencePool
from poolwright.environments.build_policy import Retention as Retention
from poolwright.environments.build_policy import SourceImagePolicy as SourceImagePolicy
from poolwright.environments.environment import CapacityPolicy as CapacityPolicy
from poolwright.environments.environment import ClusterPlace as ClusterPlace
from poolwright.environments.environment import Environment as Environment
from poolwright.environments.environment import Mode as Mode
from poolwright.environments.environment import Notifications as Notifications
from poolwright.environments.folder import BadEnvironment as BadEnvironment
from poolwright.environments.folder import by_name as by_name
from poolwright.environments.folder import load as load
from poolwright.environments.folder import of_cluster as of_cluster
from poolwright.environments.rollout_policy import Gates as Gates
from poolwright.environments.rollout_policy import RolloutPolicy as RolloutPolicy
from poolwright.environments.rollout_policy import SmokeJob as SmokeJob
from poolwright.rollouts.windows import Freeze as Freeze
from poolwright.rollouts.windows import Window as Window
