"""What an end user's browser sees: the pages behind session URLs, and the calls that they make."""
