"""Memory that a training step gives back serves the next one."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import minitorch as torch

torch.manual_seed(0)
nn = torch.nn
net = nn.Sequential(
    nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(400, 10),
)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
x, y = torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))

def step():
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    step()
before = faults()
for _ in range(10):
    step()
print(faults() - before)
"""


def faults_of_ten_steps(**environment):
    # Compiled kernels would add what the compiler takes: this is about arrays.
    environment = {**os.environ, "MINITORCH_NUMBA": "0", "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told to keep memory")
def test_steps_after_the_first_ask_for_no_new_memory():
    kept, given_back = faults_of_ten_steps(), faults_of_ten_steps(MINITORCH_KEEP_MEMORY="0")
    # A step has some 10 MB of activations and gradients: 2,500 pages.
    assert kept < 250, kept
    assert given_back > 10 * max(kept, 1), (kept, given_back)


def test_other_allocators_are_left_alone(monkeypatch):
    from minitorch.backend import memory

    monkeypatch.setenv("MINITORCH_KEEP_MEMORY", "0")
    assert memory.keep_freed_memory() is False
    monkeypatch.setenv("MINITORCH_KEEP_MEMORY", "1")
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_freed_memory() is False
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())  # no mallopt in it
    assert memory.keep_freed_memory() is False
