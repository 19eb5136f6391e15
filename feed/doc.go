// Package feed delivers rows that handlers hand over within transactions of their own.
package feed
