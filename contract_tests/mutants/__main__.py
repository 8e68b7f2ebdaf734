"""`python -m contract_tests.mutants`."""

from contract_tests.mutants.command import mutants

if __name__ == "__main__":
    mutants()
