package awsenv

// ReadRootsOf is ReadRoots of another image.
var ReadRootsOf = readRoots
