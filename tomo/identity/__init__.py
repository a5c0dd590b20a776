"""Who somebody is and may do: roles, passwords, sessions, tokens; the only importer of PyJWT and bcrypt."""
