// Package archtest keeps the walls of the house where they are: its tests fail, with the
// reason, when a package imports what it must not, directly or through others.
//
// The rules are data, in table_test.go. Who wants to break one changes the table, and so
// says in the same commit why; a package or a library that no rule knows fails too.
package archtest
