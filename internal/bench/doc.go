// Package bench measures what cola's time goes into: products with frozen matrices, a step
// of the coordinator, and a participant's fit. Each measurement is taken in turn with a
// measurement of what the processor can do at most, so that both see the same machine.
package bench
