"""The subcommands that talk to a server, one module each; `fairlead_server.main` holds their table."""
