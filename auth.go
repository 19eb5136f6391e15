package actito

const opToken = "get token"
