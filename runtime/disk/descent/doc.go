// Package descent walks and removes trees of directories that somebody else may make as deep as he likes, give any names, and change
// meanwhile: sandboxes, and the control groups of containers. It needs one open directory at a time, and no path, which may be longer
// than the kernel takes. It is for Linux.
package descent
