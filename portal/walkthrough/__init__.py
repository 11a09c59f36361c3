"""The life of one request told in a terminal: a real installation, real mails, an invented story (``oda walkthrough``)."""
