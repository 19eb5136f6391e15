package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
)

const (
	kindReplace      = "REPLACE"
	kindReplaceRegex = "REPLACE_REGEX"
)

// Replace replaces a text wherever it stands in a value, from left to right; "" removes it.
func Replace(old, replacement string) Kind {
	return newKind(kindReplace, replace{Old: old, New: replacement})
}

type replace struct {
	Old string `json:"old"`
	New string `json:"new"`
}

func readReplace(object json.RawMessage, _ Form) (action, error) {
	p, err := params[replace](object)
	if err == nil && p.Old == "" {
		err = Refuse("its parameter old is missing: the text that is replaced")
	}
	old := []byte(p.Old)
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		rest, start := text, len(dst)
		i := bytes.Index(rest, old)
		if i < 0 {
			return dst, same, nil
		}
		for ; i >= 0; i = bytes.Index(rest, old) {
			dst = append(append(dst, rest[:i]...), p.New...)
			rest = rest[i+len(old):]
		}
		return compared(append(dst, rest...), start, text)
	}}, err
}

// ReplaceRegex replaces what matches a regular expression, in the syntax of the package regexp. In the replacement $1 and
// ${1} are the first group, ${name} is one of that name, and $$ is a dollar. Note that $1x is a group named 1x.
// A pattern that looks far beyond what it then matches, as a.*b|a does, takes time that grows with the square of the length.
func ReplaceRegex(pattern, replacement string) Kind {
	return newKind(kindReplaceRegex, replaceRegex{Pattern: pattern, Replacement: replacement})
}

type replaceRegex struct {
	Pattern     string `json:"pattern"`
	Replacement string `json:"replacement"`
}

func readReplaceRegex(object json.RawMessage, _ Form) (action, error) {
	p, err := params[replaceRegex](object)
	if err != nil {
		return action{}, err
	}
	if p.Pattern == "" {
		return action{}, Refuse("its parameter pattern is missing: a regular expression")
	}
	re, err := regexp.Compile(p.Pattern)
	if err != nil {
		return action{}, &Error{Detail: "its parameter pattern does not compile: " + err.Error(), Err: err}
	}
	for _, group := range groups(p.Replacement) {
		if n, err := strconv.Atoi(group); err == nil && strconv.Itoa(n) == group && n <= re.NumSubexp() || re.SubexpIndex(group) >= 0 {
			continue
		}
		return action{}, Refuse(fmt.Sprintf("its parameter replacement names a group that the pattern lacks: %.100q; "+
			"write ${1}x for group 1 and an x, and $$ for a dollar", group))
	}
	replacement := []byte(p.Replacement)
	return action{value: func(dst, text []byte) ([]byte, outcome, error) {
		if !re.Match(text) {
			return dst, same, nil
		}
		return compared(append(dst, re.ReplaceAll(text, replacement)...), len(dst), text)
	}}, nil
}

// groups are those that a replacement names.
func groups(replacement string) []string {
	var list []string
	reference := regexp.MustCompile(`\$(?:\$|\{([\pL\p{Nd}_]+)\}|([\pL\p{Nd}_]+))`)
	for _, m := range reference.FindAllStringSubmatch(replacement, -1) {
		if group := m[1] + m[2]; group != "" {
			list = append(list, group)
		}
	}
	return list
}
