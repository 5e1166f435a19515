"""Patches from elsewhere: the JSON of the released Trace2Skill code, and patch files of either kind."""
