// Package data holds data sets, how they are split between participants, the order in
// which a participant draws its batches, and task metrics.
//
// A data set is opened by name ([Open]), cut into parts by views that copy no pixels
// ([ByLabel], [Shuffled], [Head]), and drawn from in the order of a [Sampler]. Nothing
// here knows who reads the data, or touches a network.
package data
