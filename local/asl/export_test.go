package asl

// Plain is tested alone: a world that shares a value is wrong in ways that are hard to see.
var Plain = plain
