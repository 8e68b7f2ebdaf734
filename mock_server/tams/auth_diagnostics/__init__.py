"""Why a signature was refused: the causes that are known, and the search for the one that fits."""
