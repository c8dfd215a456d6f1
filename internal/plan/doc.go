// Package plan predicts what a round takes before anything runs: memory on the
// coordinator, by kind, and bytes to and from every participant. It runs the model's own
// code on a device that computes nothing, so that a prediction does not grow old.
package plan
