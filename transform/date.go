package transform

func timeKinds() map[string]definition { return nil }
