// Package feedday plays days of shops in virtual time: what their handlers hand over goes through package feed, through
// direct calls, or through a bulk import every two hours, into a service with the limits of a licence, and the time from
// the hand-over until the service has it is measured. The last way is a bound that nothing can be better than.
//
//	cd benchmarks && go test -run Day -v ./feedday -whole
//
// plays whole days of all shops, which takes minutes; without -whole it is an hour of the smallest one. -shops 500,5000
// picks shops by their signups a day.
//
// What is assumed: a call takes 150 ms. An import waits for a minute, and runs for a minute and a second for every
// thousand rows; one runs after another. An order is five calls or rows: the update of a customer, a header and three
// lines, each after the one before it; it is there when its last line is. Signups must trigger scenarios. Customers that
// order are picked at random from as many as the shop has orders in twenty days.
package feedday
