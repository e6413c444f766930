"""The commands of the CLI, one file a topic. They speak to the running node and never open its databases."""
