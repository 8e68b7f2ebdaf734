"""`python -m contract_tests.mutants.equivalents`."""

from contract_tests.mutants.equivalents.command import variants

if __name__ == "__main__":
    variants()
