package transform

func wordKinds() map[string]definition { return nil }
