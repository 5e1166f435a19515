"""Line-drawn widgets: each projects plain state and redraws only the cells that changed."""
