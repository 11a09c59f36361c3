"""``oda walkthrough``: the life of one request told in a terminal, on a real installation with real mails."""
