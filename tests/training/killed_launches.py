"""A launcher and workers that start at once and take their time to save: for the test that kills them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time

from zmix_core.training import launch as launching
from zmix_core.training import worker

PROCESSES = multiprocessing.get_context("forkserver")
"""Launchers that are copies of a process that has imported everything: so they start at once."""
PROCESSES.set_forkserver_preload(["zmix_core.training.launch", "sklearn.metrics", "torch._dynamo"])


class Popen:
    """In the place of ``subprocess.Popen``: the same worker on the same pipes, a copy of its launcher."""

    def __init__(self, command, *, marks, **options):
        theirs, ours = os.pipe()
        mine, yours = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            work(theirs, yours, marks, command[3:])
        os.close(theirs)
        os.close(yours)
        self.stdin = os.fdopen(ours, "w", encoding="utf-8")
        self.stdout = os.fdopen(mine, encoding="utf-8")

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def work(given, told, marks, arguments):
    """A worker that leaves its process number in a folder while it waits for the disk."""
    fsync, mark = os.fsync, marks / str(os.getpid())

    def slow(descriptor):
        mark.touch()
        time.sleep(0.02)
        fsync(descriptor)
        mark.unlink(missing_ok=True)

    os.fsync = slow
    os.dup2(given, 0)
    os.dup2(told, 1)
    os.closerange(3, 1024)  # the launcher's ends too, so that the worker sees when it is gone
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    try:
        worker.main(*arguments)
    finally:
        os._exit(1)


def launch_with_two(specs, root, marks, told):
    """A launcher that says what happens."""
    launching.subprocess.Popen = lambda *arguments, **options: Popen(*arguments, marks=marks, **options)
    options = {"workers": 2, "threads": 1, "device": "cpu", "attempts": 1000}
    for progress in launching.launch(specs, root, **options):
        told.send(progress.what)
