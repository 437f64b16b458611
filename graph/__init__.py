"""The engine: validates a workflow, compiles it to a plan and samples it in one loop."""
