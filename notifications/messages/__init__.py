"""The content of mails: facts, catalogue, recipients"""
