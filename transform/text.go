package transform

func textKinds() map[string]definition { return nil }
