// Package data holds data sets, how they are split between participants, the order in
// which a participant draws its batches, and task metrics.
package data
