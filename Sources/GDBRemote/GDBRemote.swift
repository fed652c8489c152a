// Bodies follow.
