"""What is searched: spaces, the files of those that come with fastmlp, and how they are read."""
