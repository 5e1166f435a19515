"""The commands, one module a group. A module is imported only when one of its commands was asked for."""
