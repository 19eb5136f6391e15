package conformance

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A pattern is a value of JSON in which these texts stand for others:
//
//	<id> or <id NAME>  a number or a text that is not empty; it becomes a variable of that name
//	<text NAME>        a text that is not empty; the same
//	<text>, <number>, <boolean>, <list>, <object>, <moment>, <any>
//	<absent>           there is no such field
//
// In a list, <each> comes before what each element is, <has> before elements of which each is there, in any order.
// Without either the list has exactly the elements. An object may have more fields than its pattern, unless it is strict.
const (
	each = "<each>"
	has  = "<has>"
)

// match compares a value with a pattern; it tells where they differ, and no value, since it may be personal data.
func match(where string, pattern, value any, strict bool, vars variables) error {
	switch p := pattern.(type) {
	case string:
		return matchText(where, p, value, vars)
	case map[string]any:
		object, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %s, not an object", where, kind(value))
		}
		for name, inner := range p {
			field, there := object[name]
			switch {
			case inner == "<absent>" && there:
				return fmt.Errorf("%s.%s is there", where, name)
			case inner == "<absent>":
				continue
			case !there:
				return fmt.Errorf("%s.%s is missing", where, name)
			}
			if err := match(where+"."+name, inner, field, strict, vars); err != nil {
				return err
			}
		}
		for name := range object {
			if _, known := p[name]; strict && !known {
				return fmt.Errorf("%s.%s is not in the scenario", where, name)
			}
		}
		return nil
	case []any:
		return matchList(where, p, value, strict, vars)
	}
	if pattern != value {
		return fmt.Errorf("%s is %s, and not as in the scenario", where, kind(value))
	}
	return nil
}

func matchList(where string, pattern []any, value any, strict bool, vars variables) error {
	list, ok := value.([]any)
	if !ok {
		return fmt.Errorf("%s is %s, not a list", where, kind(value))
	}
	mode := ""
	if len(pattern) > 0 {
		mode, _ = pattern[0].(string)
	}
	switch mode {
	case each:
		for i, element := range list {
			if err := match(fmt.Sprintf("%s[%d]", where, i), pattern[1], element, strict, vars); err != nil {
				return err
			}
		}
		return nil
	case has:
		for i, wanted := range pattern[1:] {
			err := fmt.Errorf("%s is empty", where)
			for _, element := range list {
				if err = match(where+"[]", wanted, element, strict, vars); err == nil {
					break
				}
			}
			if err != nil {
				return fmt.Errorf("%s has nothing like number %d of the scenario, at last: %w", where, i+1, err)
			}
		}
		return nil
	}
	if len(list) != len(pattern) {
		return fmt.Errorf("%s has %d elements, not %d", where, len(list), len(pattern))
	}
	for i, element := range list {
		if err := match(fmt.Sprintf("%s[%d]", where, i), pattern[i], element, strict, vars); err != nil {
			return err
		}
	}
	return nil
}

func matchText(where, pattern string, value any, vars variables) error {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	name, isPattern := strings.CutPrefix(pattern, "<")
	name = strings.TrimSuffix(name, ">")
	var fits bool
	switch kindOf, captured, _ := strings.Cut(name, " "); {
	case isPattern && kindOf == "id":
		id := text
		if isNumber {
			id = fmt.Sprintf("%.0f", number)
		}
		if fits = id != ""; captured != "" {
			vars[captured] = id
		}
	case isPattern && kindOf == "text" && captured != "":
		fits = isText && text != ""
		vars[captured] = text
	case pattern == "<any>":
		fits = true
	case pattern == "<moment>":
		_, err := time.Parse(time.DateTime, text)
		fits = err == nil
	case isPattern && strings.HasSuffix(pattern, ">") && !strings.Contains(name, " "):
		fits = kind(value) == "a "+name
	default:
		fits = isText && text == pattern
	}
	if !fits {
		return fmt.Errorf("%s is %s, and not as in the scenario", where, kind(value))
	}
	return nil
}

func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case float64:
		return "a number"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	}
	return "a object"
}

// render makes an example of a pattern, and gives its variables values.
func render(pattern any, vars variables) any {
	switch p := pattern.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range p {
			if inner != "<absent>" {
				out[name] = render(inner, vars)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, inner := range p {
			if inner != each && inner != has {
				out = append(out, render(inner, vars))
			}
		}
		return out
	case string:
		return renderText(p, vars)
	}
	return pattern
}

func renderText(pattern string, vars variables) any {
	if captured, ok := strings.CutPrefix(pattern, "<id"); ok {
		if captured = strings.Trim(captured, " >"); captured != "" {
			vars[captured] = "101"
		}
		return json.Number("101")
	}
	if captured, ok := strings.CutPrefix(pattern, "<text "); ok {
		vars[strings.TrimSuffix(captured, ">")] = "text-101"
		return "text-101"
	}
	switch pattern {
	case "<number>":
		return 7
	case "<boolean>":
		return true
	case "<list>":
		return []any{}
	case "<object>", "<any>":
		return map[string]any{}
	case "<moment>":
		return "2026-11-23 06:00:00"
	}
	return pattern
}

// matchFile compares a text with one in which <any> stands for any text of a line.
func matchFile(name, pattern, text string) error {
	parts := strings.Split(pattern, "<any>")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	if !regexp.MustCompile(`^` + strings.Join(parts, `[^\n]*`) + `$`).MatchString(text) {
		return fmt.Errorf("the file %s is not as in the scenario", name)
	}
	return nil
}
