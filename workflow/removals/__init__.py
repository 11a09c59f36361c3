"""Rights to remove on the ODA server"""
