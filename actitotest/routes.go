package actitotest

import (
	"net/http"
	"net/url"
	"strings"
)

// Operation names a call of the API, in both of its path forms and versions.
type Operation string

// The operations of the service.
const (
	AnyOp Operation = "any" // for Fail: whichever comes next

	OpToken      Operation = "token"
	OpEntityList Operation = "entity.list"

	OpProfileUpsert Operation = "profile.upsert"
	OpProfileCreate Operation = "profile.create" // refuses a profile that exists
	OpProfileGet    Operation = "profile.get"
	OpProfileUpdate Operation = "profile.update"
	OpProfileDelete Operation = "profile.delete"
	OpProfileList   Operation = "profile.list" // v5 only

	OpSubscriptionList Operation = "subscription.list"
	OpSubscribe        Operation = "subscription.set"
	OpUnsubscribe      Operation = "subscription.unset"
	OpSegmentationList Operation = "segmentation.list"
	OpSegment          Operation = "segmentation.set"
	OpUnsegment        Operation = "segmentation.unset"

	OpRecordUpsert Operation = "record.upsert"
	OpRecordGet    Operation = "record.get"
	OpRecordList   Operation = "record.list"
	OpRecordUpdate Operation = "record.update"
	OpRecordDelete Operation = "record.delete"

	OpProfileTableList Operation = "profileTable.list"
	OpProfileTableGet  Operation = "profileTable.get"
	OpCustomTableList  Operation = "customTable.list"
	OpCustomTableGet   Operation = "customTable.get"

	OpETLList    Operation = "etl.list"
	OpETLCreate  Operation = "etl.create"
	OpETLGet     Operation = "etl.get"
	OpETLReplace Operation = "etl.replace"
	OpETLDelete  Operation = "etl.delete"
	OpETLTrigger Operation = "etl.trigger"
	OpRunOnce    Operation = "etl.runOnce"

	OpLocationList   Operation = "location.list"
	OpLocationCreate Operation = "location.create"
	OpLocationTest   Operation = "location.test"

	OpExecutionList Operation = "execution.list"
	OpExecutionGet  Operation = "execution.get"
	OpResultFile    Operation = "execution.resultFile"
	OpErrorFile     Operation = "execution.errorFile"

	OpWebhookSubscribe Operation = "webhook.subscribe"
)

// payload is what a route takes or gives.
type payload int

const (
	plain    payload = iota // no body in, JSON out
	body                    // JSON in, JSON out
	upload                  // multipart in, JSON out
	download                // no body in, a file out
)

type route struct {
	op      Operation
	method  string
	path    string // with its category in front
	payload payload
	handle  func(*Server, *call) (answer, *problem)
}

const (
	authPath      = "/auth/token"
	profileV4     = "/profiles/v4/entity/{entity}/table/{profileTable}/profile"
	profileV5     = "/profiles/v5/entities/{entity}/profile-tables/{profileTable}/profiles"
	recordV4      = "/custom-data/v4/entity/{entity}/customTable/{customTable}/record"
	profileTables = "/profile-table-structure/v5/entities/{entity}/profile-tables"
	customTables  = "/custom-table-structure/v5/entities/{entity}/custom-tables"
	etls          = "/mass-imports/v5/entities/{entity}/etls"
	locations     = "/file-transfers/v5/entities/{entity}/locations" // assumed
	executions    = "/mass-imports/v5/entities/{entity}/etl-executions"
	subscriptions = "/webhooks/v4/entity/{entity}/webhookSubscription"
)

var routes = []route{
	{OpToken, "GET", authPath, plain, (*Server).getToken},
	{OpEntityList, "GET", "/entities/v5/entities", plain, (*Server).listEntities},

	{OpProfileUpsert, "POST", profileV4, body, (*Server).postProfile},
	{OpProfileGet, "GET", profileV4 + "/{key}", plain, (*Server).getProfile},
	{OpProfileUpdate, "PUT", profileV4 + "/{key}", body, (*Server).putProfile},
	{OpProfileDelete, "DELETE", profileV4 + "/{key}", plain, (*Server).deleteProfile},
	{OpSubscriptionList, "GET", profileV4 + "/{key}/subscription", plain, (*Server).getSubscriptions},
	{OpSubscribe, "POST", profileV4 + "/{key}/subscription/{subscription}", plain, (*Server).subscribe},
	{OpUnsubscribe, "DELETE", profileV4 + "/{key}/subscription/{subscription}", plain, (*Server).unsubscribe},
	{OpSegmentationList, "GET", profileV4 + "/{key}/segmentation", plain, (*Server).getSegmentations},
	{OpSegment, "PUT", profileV4 + "/{key}/segmentation/{segmentation}", plain, (*Server).segment},
	{OpUnsegment, "DELETE", profileV4 + "/{key}/segmentation/{segmentation}", plain, (*Server).unsegment},

	{OpProfileUpsert, "PUT", profileV5, body, (*Server).upsertProfileV5},
	{OpProfileCreate, "POST", profileV5, body, (*Server).createProfileV5},
	{OpProfileList, "GET", profileV5, plain, (*Server).listProfilesV5},
	{OpProfileGet, "GET", profileV5 + "/{key}", plain, (*Server).getProfileV5},
	{OpProfileUpdate, "PATCH", profileV5 + "/{key}", body, (*Server).patchProfileV5},
	{OpProfileDelete, "DELETE", profileV5 + "/{key}", plain, (*Server).deleteProfile},

	{OpRecordUpsert, "POST", recordV4, body, (*Server).postRecord},
	{OpRecordList, "GET", recordV4, plain, (*Server).listRecords},
	{OpRecordGet, "GET", recordV4 + "/{key}", plain, (*Server).getRecord},
	{OpRecordUpdate, "PUT", recordV4 + "/{key}", body, (*Server).putRecord},
	{OpRecordDelete, "DELETE", recordV4 + "/{key}", plain, (*Server).deleteRecord},

	{OpProfileTableList, "GET", profileTables, plain, (*Server).listProfileTables},
	{OpProfileTableGet, "GET", profileTables + "/{profileTable}", plain, (*Server).getStructure},
	{OpCustomTableList, "GET", customTables, plain, (*Server).listCustomTables},
	{OpCustomTableGet, "GET", customTables + "/{customTable}", plain, (*Server).getStructure},

	{OpETLList, "GET", etls, plain, (*Server).listETLs},
	{OpETLCreate, "POST", etls, body, (*Server).createETL},
	{OpETLGet, "GET", etls + "/{etl}", plain, (*Server).getETL},
	{OpETLReplace, "PUT", etls + "/{etl}", body, (*Server).replaceETL},
	{OpETLDelete, "DELETE", etls + "/{etl}", plain, (*Server).deleteETL},
	{OpETLTrigger, "POST", etls + "/{etl}/trigger-execution", upload, (*Server).triggerETL},
	{OpRunOnce, "POST", executions, upload, (*Server).runOnce},

	{OpLocationList, "GET", locations, plain, (*Server).listLocations},
	{OpLocationCreate, "POST", locations, body, (*Server).createLocation},
	{OpLocationTest, "POST", locations + "/{location}/test", plain, (*Server).testLocation},

	{OpExecutionList, "GET", executions, plain, (*Server).listExecutions},
	{OpExecutionGet, "GET", executions + "/{execution}", plain, (*Server).getExecution},
	{OpResultFile, "GET", executions + "/{execution}/result-file", download, (*Server).getResultFile},
	{OpErrorFile, "GET", executions + "/{execution}/error-file", download, (*Server).getErrorFile},

	{OpWebhookSubscribe, "POST", subscriptions, body, (*Server).subscribeWebhook},
}

// find gives the route of a request, the form of its path that was used, and the
// decoded values of the path.
func (s *Server) find(r *http.Request) (*route, string, map[string]string, *problem) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	known := false
	for i := range routes {
		for _, template := range s.forms(routes[i].path) {
			params, ok := match(template, segments)
			if ok && routes[i].method == r.Method {
				return &routes[i], template, params, nil
			}
			known = known || ok
		}
	}
	if known {
		return nil, "", nil, refuse(http.StatusMethodNotAllowed, "%s is not allowed here", r.Method)
	}
	return nil, "", nil, refuse(http.StatusNotFound, "there is nothing at this path")
}

// forms lists the paths at which a route answers: with and without its category.
func (s *Server) forms(path string) []string {
	if path == authPath {
		return []string{path}
	}
	var forms []string
	if !s.noPrefix {
		forms = append(forms, path)
	}
	if !s.noBare {
		forms = append(forms, path[1+strings.Index(path[1:], "/"):])
	}
	return forms
}

// match decodes the escaped segments of a path that fits the template. A matrix
// parameter belongs to its segment's end, so a ";" that is meant must be escaped;
// ";category=…" is the one that has a meaning.
func match(template string, segments []string) (map[string]string, bool) {
	parts := strings.Split(template, "/")
	if len(parts) != len(segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, part := range parts {
		raw, matrix, _ := strings.Cut(segments[i], ";")
		value, err := url.PathUnescape(raw)
		if err != nil {
			return nil, false
		}
		name, isParam := strings.CutPrefix(part, "{")
		switch {
		case !isParam && value != part, isParam && value == "":
			return nil, false
		case !isParam:
			continue
		}
		params[strings.TrimSuffix(name, "}")] = value
		if category, ok := strings.CutPrefix(matrix, "category="); ok {
			if params["category"], err = url.PathUnescape(category); err != nil {
				return nil, false
			}
		}
	}
	return params, true
}
