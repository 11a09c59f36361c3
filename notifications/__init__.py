"""Who is told what, and how a mail leaves: catalogue, templates, outbox, sealed secrets, SMTP delivery."""
