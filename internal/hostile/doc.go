// Package hostile holds the tests that drive strange values through the whole
// pipeline, from the webhook to the last call: whatever a label, a header or a
// step's input holds, each request that leaves is one that a plain alert would
// have caused, and each line of the log is one line (I7).
package hostile
