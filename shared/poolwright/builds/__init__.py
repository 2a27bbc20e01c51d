"""Builds of boot images and the reference pool they start from: pure functions of plain values, no I/O, no clock.

source.py          GKE's node image that a boot image is built on
run.py             one run id of an environment, and which is next
boot_image.py      the request that Cloud Build gets
acceptance.py      whether an image is the one that a run was to make
reference_pool.py  the zero-node pool that shows what GKE would use now
metadata.py        what of its metadata people may keep in files
"""
