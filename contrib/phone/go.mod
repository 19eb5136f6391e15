module github.com/actito-go/actito/contrib/phone

go 1.26.0

require github.com/actito-go/actito v0.0.0

replace github.com/actito-go/actito => ../../

require (
	github.com/nyaruka/phonenumbers v1.8.1
	github.com/stretchr/testify v1.12.1
	pgregory.net/rapid v1.3.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)
