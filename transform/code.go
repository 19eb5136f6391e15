package transform

func codeKinds() map[string]definition { return nil }
