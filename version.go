package actito

// Version is the library's, as the user agent tells it.
const Version = "0.1.0"
