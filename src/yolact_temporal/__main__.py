"""`python -m yolact_temporal` is the same as the command `yolact-temporal`."""

from yolact_temporal.cli.main import run_process

if __name__ == "__main__":
    run_process()
