from pathlib import Path

import msgspec
import pytest
import yaml

from poolwright.environments import BadEnvironment, Environment, by_name, load, of_cluster
from poolwright.references import ClusterRef
from tests.unit.environments.conftest import GOOD, Folder

EXAMPLES = Path(__file__).parents[3] / "environments"


def test_the_examples_load_together() -> None:
    found = load(EXAMPLES)

    assert [each.name for each in found] == ["dev", "production", "staging"]
    assert {each.name: each.mode for each in found} == {"dev": "observe", "production": "offer", "staging": "act"}
    production = by_name(found, "production")
    assert production is not None
    assert production.rollout.node_policy == "new-nodes-only" and production.rollout.windows
    assert "start.d" in production.substitutions.metadata["startup-script"]
    assert of_cluster(found, ClusterRef("my-project-production", "europe-west4", "serving-eu")) == production


@pytest.mark.parametrize("name", ["dev", "staging", "production"])
def test_a_file_is_read_as_msgspec_reads_it(name: str) -> None:
    from poolwright.environments import yaml_file

    raw, problems = yaml_file.read(EXAMPLES / f"{name}.yaml")
    expected = msgspec.convert(raw, Environment)
    found = by_name(load(EXAMPLES), name)

    assert problems == () and found is not None
    without_files = msgspec.structs.replace(found.substitutions, metadata=expected.substitutions.metadata)
    assert msgspec.structs.replace(found, substitutions=without_files) == expected


def test_all_that_is_wrong_is_said_at_once_with_file_and_path(folder: Folder) -> None:
    folder.write(
        "dev.yaml",
        """
name: dev
project: acme-dev
clusters: [{nam: serving, location: us-central1}]
buildServiceAccount: me@example.com
mode: acts
build: {containers: [nginx:latest]}
rollout:
  waves: [0.5, 1.5]
  windows: [{}, {timeZone: Europe/Berln}]
""",
    )
    folder.write("staging.yaml", "name: staging\n")

    assert [problem.partition("; ")[0] for problem in folder.problems()] == [
        "dev.yaml: clusters[0].nam: there is no such field",
        "dev.yaml: clusters[0].name: it is missing",
        "dev.yaml: buildServiceAccount: 'me@example.com' will not do",
        "dev.yaml: mode: 'acts' will not do",
        "dev.yaml: build.containers[0]: 'nginx:latest' will not do",
        "dev.yaml: rollout.waves[1]: 1.5 will not do",
        "dev.yaml: rollout.windows[1].timeZone: 'Europe/Berln' is no time zone",
        "staging.yaml: project: it is missing",
        "staging.yaml: clusters: it is missing",
        "staging.yaml: buildServiceAccount: it is missing",
    ]
    assert "did you mean name?" in folder.problems()[0]
    assert "did you mean Europe/Berlin?" in folder.problems()[6]


def test_a_key_that_is_there_twice_is_refused_wherever_it_is(folder: Folder) -> None:
    folder.write("dev.yaml", yaml.safe_dump(GOOD) + "rollout:\n  waves: [1]\n  waves: [0.5]\nname: dev\n")

    assert folder.problems() == [
        "dev.yaml: rollout.waves: it is there twice, in lines 8 and 9; keep one",
        "dev.yaml: name: it is there twice, in lines 5 and 10; keep one",
    ]


def test_what_is_no_yaml_is_told_with_its_place(folder: Folder) -> None:
    folder.write("dev.yaml", "name: dev\nclusters: [\n")

    (said,) = folder.problems()
    assert said.startswith("dev.yaml: not YAML: ") and "in line 3, column 1" in said


@pytest.mark.parametrize("text", ["", "[]", "dev", "null"])
def test_a_file_that_holds_no_fields_is_refused(folder: Folder, text: str) -> None:
    folder.write("dev.yaml", text)

    assert "give fields, each with its value" in folder.problems()[0]


def test_bytes_that_are_no_text_are_refused(folder: Folder) -> None:
    folder.path.mkdir()
    (folder.path / "dev.yaml").write_bytes(b"name: \xff\xfe")

    assert folder.problems()[0].startswith("dev.yaml: not YAML: ")


def test_an_empty_folder_and_a_missing_one_say_what_to_do(folder: Folder) -> None:
    for _ in range(2):
        with pytest.raises(BadEnvironment) as raised:
            load(folder.path)
        assert "no environment file there; add one, such as dev.yaml" in str(raised.value)
        folder.path.mkdir(exist_ok=True)


def test_a_file_that_would_not_be_read_is_told(folder: Folder) -> None:
    folder.dev()
    folder.write("staging.yml", "")

    assert folder.problems() == ["staging.yml: only *.yaml is read; call it staging.yaml"]


def test_a_name_is_the_files(folder: Folder) -> None:
    folder.write("prod.yaml", yaml.safe_dump(GOOD))

    assert folder.problems() == ["prod.yaml: name: it is 'dev'; call it 'prod', or rename the file"]


def test_two_environments_never_own_the_same_cluster(folder: Folder) -> None:
    folder.dev()
    folder.write("staging.yaml", yaml.safe_dump(GOOD | {"name": "staging"}))

    owned = "projects/acme-dev/locations/us-central1/clusters/serving belongs to dev.yaml already"
    assert folder.problems() == [f"staging.yaml: clusters[0]: {owned}; take it out of one of them"]


def test_clusters_of_one_name_in_two_places_are_two(folder: Folder) -> None:
    folder.dev()
    elsewhere = [{"name": "serving", "location": "us-east4"}]
    folder.write("staging.yaml", yaml.safe_dump(GOOD | {"name": "staging", "clusters": elsewhere}))

    assert len(load(folder.path)) == 2


def test_times_of_day_need_no_quotes(folder: Folder) -> None:
    folder.write("dev.yaml", yaml.safe_dump(GOOD) + "rollout: {windows: [{begins: 09:00, ends: 17:00}]}\n")

    (window,) = folder.load().rollout.windows
    assert (window.begins, window.ends) == ("09:00", "17:00")


@pytest.mark.parametrize(
    ("text", "value"), [("10", 10), ("1_000", 1000), ("0x10", 16), ("1e3", 1000.0), ("0.5", 0.5), ("-1", -1), ("+2", 2)]
)
def test_numbers_are_still_numbers(tmp_path: Path, text: str, value: float) -> None:
    from poolwright.environments import yaml_file

    (tmp_path / "x.yaml").write_text(f"a: {text}\n")

    assert yaml_file.read(tmp_path / "x.yaml") == ({"a": value}, ())


def test_metadata_is_replaced_from_files_beside_the_environments(folder: Folder) -> None:
    script = "#!/bin/bash\necho 'grüß: dich'\n"
    folder.write("files/startup.sh", script)
    folder.dev(substitutions={"metadata": {"a": "b"}, "metadataFiles": {"startup-script": "files/startup.sh"}})

    assert folder.load().substitutions.metadata == {"a": "b", "startup-script": script}


def test_the_digest_changes_when_a_file_that_is_named_does(folder: Folder) -> None:
    folder.dev(substitutions={"metadataFiles": {"startup-script": "files/startup.sh"}})
    digests = set()
    for script in ("one", "two"):
        folder.write("files/startup.sh", script)
        digests.add(folder.load().digest)

    assert len(digests) == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../secret", "is outside of"),
        ("/etc/passwd", "is outside of"),
        ("files/../../secret", "is outside of"),
        ("files/link", "is outside of"),
        ("files/nowhere", "there is no file"),
        ("files", "there is no file"),
        ("files/big", "has 262145 bytes; a metadata item has 262144 at most"),
        ("files/binary", "is not UTF-8 text"),
        ("files/\0", "cannot be read"),
    ],
)
def test_a_file_that_is_elsewhere_missing_too_big_or_no_text_is_refused(folder: Folder, name: str, says: str) -> None:
    folder.write("../secret", "x")
    folder.write("files/big", "x" * (256 * 1024 + 1))
    (folder.path / "files" / "binary").write_bytes(b"\xff\xfe\x00")
    (folder.path / "files" / "link").symlink_to(folder.path / ".." / "secret")
    folder.dev(substitutions={"metadataFiles": {"startup-script": name}})

    (said,) = folder.problems()
    assert said.startswith("dev.yaml: substitutions.metadataFiles.startup-script: ") and says in said


def test_an_item_is_not_replaced_twice(folder: Folder) -> None:
    folder.write("files/x", "x")
    folder.dev(substitutions={"metadata": {"user-data": "y"}, "metadataFiles": {"user-data": "files/x"}})

    assert folder.problems() == [
        "dev.yaml: substitutions.metadataFiles.user-data: the item is in metadata too; keep one of them"
    ]
