"""A real SLURM of two nodes on this machine, from Debian's packages: no systemd, no cgroups, no accounting."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
NODES = ("n0", "n1")

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool.%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
GresTypes=gpu
JobRequeue=1
KillWait=10
ReturnToService=2
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Unavailable(Exception):
    """SLURM cannot be run here, and why."""


def install() -> None:
    """Install what is missing. Raises Unavailable."""
    if os.geteuid() != 0:
        raise Unavailable("a SLURM of its own needs root")
    if all(map(shutil.which, PROGRAMS)):
        return
    if not shutil.which("apt-get"):
        raise Unavailable("SLURM is not installed, and there is no apt-get")
    apt = ["apt-get", "-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=60"]
    command = [*apt, "install", "-y", "--no-install-recommends", *PACKAGES]
    for attempt in (command, [*apt, "update"], command):
        done = subprocess.run(attempt, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, text=True)
        if attempt is command and done.returncode == 0:
            return
    raise Unavailable(
        f"apt-get cannot install {', '.join(PACKAGES)}: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}"
    )


@contextmanager
def running(root: Path) -> Iterator[Mapping[str, str]]:
    """The variables of a running cluster whose files lie in `root`; its daemons end with the block. Raises Unavailable."""
    install()
    environment = os.environ | {"SLURM_CONF": str(root / "slurm.conf")}
    _configure(root)
    daemons = [*_munge(), ["slurmctld", "-D"], *(["slurmd", "-D", "-N", node] for node in NODES)]
    processes = []
    try:
        for daemon in daemons:
            processes.append(subprocess.Popen(daemon, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        _wait_for_nodes(environment, root)
        yield environment
    finally:
        subprocess.run(["scancel", "--quiet", "--user=root"], env=environment, capture_output=True)
        _wait_for_no_jobs(environment, 30)
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _configure(root: Path) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 * 3 // 8
    ports = _free_ports(1 + len(NODES))
    host = socket.gethostname().partition(".")[0]
    nodes = [
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory={memory} Gres=gpu:1"
        for node, port in zip(NODES, ports[1:], strict=True)
    ]
    (root / "state").mkdir(parents=True)
    for node in NODES:
        (root / f"gpu.{node}").touch()
        (root / f"spool.{node}").mkdir()
    text = CONFIGURATION.format(host=host, root=root, controller_port=ports[0], nodes="\n".join(nodes))
    (root / "slurm.conf").write_text(text)
    (root / "gres.conf").write_text("".join(f"NodeName={node} Name=gpu File={root}/gpu.{node}\n" for node in NODES))


def _free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _munge() -> list[list[str]]:
    """The daemon that authenticates, where none answers yet."""
    if subprocess.run(["munge", "-n"], capture_output=True).returncode == 0:
        return []
    subprocess.run(["install", "-d", "-o", "munge", "/run/munge"], check=True)
    return [["runuser", "-u", "munge", "--", "munged", "--foreground"]]


def _wait_for_nodes(environment: Mapping[str, str], root: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = subprocess.run(["sinfo", "-h", "-N", "-o", "%N %t"], env=environment, capture_output=True, text=True).stdout
        if found.split() == [word for node in NODES for word in (node, "idle")]:
            return
        time.sleep(0.5)
    logs = [line for log in root.glob("*.log") for line in log.read_text().splitlines() if "error" in line]
    raise Unavailable(
        f"its nodes do not come up ({found.strip() or 'no answer'}): {logs[-1] if logs else 'no error is logged'}"
    )


def _wait_for_no_jobs(environment: Mapping[str, str], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and queue(environment):
        time.sleep(1)


def queue(environment: Mapping[str, str]) -> dict[str, str]:
    """The state of each job that has not ended, by its name as `12_0`."""
    done = subprocess.run(["squeue", "-h", "-r", "-o", "%i %T"], env=environment, capture_output=True, text=True)
    return dict(line.split() for line in done.stdout.splitlines())
