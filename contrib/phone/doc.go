// Package phone adds a kind of transformation that brings phone numbers into the form that Actito documents, the
// international one without spaces: +3210458514. It knows the numbering plans of all countries, those of Google's
// libphonenumber, and is a module of its own since they are large: some 7 MB of a stripped program.
//
//	spec, err := transform.New(
//		transform.WithKinds(phone.Kind()),
//		phone.Number("BE").On("gsmNumber", "phoneNumber"),
//	)
//
// In the JSON of a specification it is the kind PHONE. It runs here, while rows and files are staged; the service does not
// have it, so that [transform.Specification.ForService] refuses it.
package phone
