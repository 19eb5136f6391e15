package actito

// Golden compares with a file under testdata; see golden.
var Golden = golden
