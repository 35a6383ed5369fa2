"""How worker processes start, and that none outlives its loader."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import types

import pytest

from minitorch.utils.data import Dataset, parallel
from minitorch.utils.data.worker import Job
from tests.loading import ENV, Big

SCRIPT = """
    import sys
    import minitorch as torch
    from minitorch.utils.data import DataLoader, Dataset, TensorDataset
    class Mine(Dataset):
        def __len__(self):
            return 6
        def __getitem__(self, index):
            return index * 10
    {body}
"""


def run_script(tmp_path, body):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT).replace("{body}", textwrap.dedent(body)))
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60, env=ENV)


def test_spawned_workers(tmp_path):
    done = run_script(
        tmp_path,
        """
        if __name__ == "__main__":
            for context in ("spawn", "forkserver") if sys.platform == "linux" else ("spawn",):
                loader = DataLoader(Mine(), 2, num_workers=1, multiprocessing_context=context)
                print([b.tolist() for b in loader])
                big = TensorDataset(torch.ones(8, 50000))
                print(sum(x.sum().item() for x, in DataLoader(big, 4, num_workers=1, multiprocessing_context=context)))
        """,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()) == {"[[0, 10], [20, 30], [40, 50]]", "400000.0"}


def test_a_script_without_guard_does_not_multiply(tmp_path):
    done = run_script(
        tmp_path,
        "print([b.tolist() for b in DataLoader(Mine(), 2, num_workers=2, multiprocessing_context='spawn')])",
    )
    assert done.returncode != 0 and "__main__" in done.stderr and len(done.stderr) < 20_000


@pytest.mark.parametrize("guard", [True, False])
def test_where_the_system_cannot_fork(tmp_path, guard):
    body = """
        import multiprocessing
        multiprocessing.get_all_start_methods = lambda: ["spawn"]
        def main():
            loader = DataLoader(Mine(), 2, num_workers=2)
            batches = iter(loader)
            print(type(batches.pool).__name__, [b.tolist() for b in batches])
    """
    call = '        if __name__ == "__main__":\n            main()\n' if guard else "        main()\n"
    done = run_script(tmp_path, body.rstrip() + "\n" + call)
    assert done.returncode == 0, done.stderr
    expected = "ProcessPool" if guard else "ThreadPool"
    assert done.stdout.strip() == f"{expected} [[0, 10], [20, 30], [40, 50]]"
    assert ("no 'if __name__" in done.stderr) == (not guard)


def test_why_not_spawn(monkeypatch):
    def job(dataset):
        return Job(dataset, len, True, False, False, 1, None)

    local = type("Local", (Dataset,), {})
    assert "cannot be pickled" in parallel.why_not_spawn(job(local()))
    assert parallel.why_not_spawn(job(Big())) is None or "guard" in parallel.why_not_spawn(job(Big()))
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))  # as at the prompt
    assert parallel.why_not_spawn(job(Big())) is None
    prompt = type("Prompt", (Dataset,), {"__module__": "__main__", "__qualname__": "Prompt"})
    sys.modules["__main__"].Prompt = prompt
    assert "at the prompt" in parallel.why_not_spawn(job(prompt()))


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_ctrl_c_leaves_nothing_behind(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(
            """
            import multiprocessing, os, time
            from minitorch.utils.data import DataLoader, Dataset
            class Slow(Dataset):
                def __len__(self): return 1000
                def __getitem__(self, index):
                    time.sleep(0.05)
                    return index
            try:
                for i, batch in enumerate(DataLoader(Slow(), 1, num_workers=2)):
                    if i == 1:
                        print(*[p.pid for p in multiprocessing.active_children()], flush=True)
            except KeyboardInterrupt:
                print("interrupted", len(multiprocessing.active_children()), flush=True)
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=ENV,
    )
    workers = [int(pid) for pid in process.stdout.readline().split()]
    os.killpg(process.pid, signal.SIGINT)  # the terminal sends it to all of them
    out, err = process.communicate(timeout=30)
    assert out.strip() == "interrupted 0" and "Traceback" not in err, err
    assert len(workers) == 2
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_end_when_the_main_process_is_killed(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(
            """
            import multiprocessing, time
            from minitorch.utils.data import DataLoader
            batches = iter(DataLoader(list(range(1000)), 1, num_workers=2))
            next(batches)
            print(*[p.pid for p in multiprocessing.active_children()], flush=True)
            time.sleep(60)
            """
        )
    )
    process = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True, env=ENV)
    workers = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20

    def alive(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) == 2 and not any(alive(pid) for pid in workers)
