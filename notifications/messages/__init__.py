"""What is said: facts of each mail, catalogue, who is told what"""
