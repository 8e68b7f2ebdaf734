"""`python -m contract_tests.lies`."""

from contract_tests.lies.command import lies

if __name__ == "__main__":
    lies()
