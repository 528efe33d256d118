"""Changed copies of the embedded model: which of them does a run against a record notice?"""
