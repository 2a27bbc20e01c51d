// A Terraform provider that has a schema and nothing else: `terraform validate` and `terraform test` with mocked
// providers then work without the registry. Its name says whose schema (terraform-provider-google_v6.50.0), which it
// reads from provider_schemas.json beside it.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type argument struct {
	Type     string
	Required bool
}

type body struct {
	Arguments map[string]argument
	Computed  map[string]any
	Blocks    map[string]*body
	Many      bool
	Required  bool
}

type schemas struct {
	Resource map[string]*body
	Data     map[string]*body
}

// What the examples set of a provider itself; kubernetes is what helm is told of the cluster.
var settings = map[string]argument{"project": {Type: "string"}, "region": {Type: "string"}, "kubernetes": {Type: "map"}}

// server answers what validating and mocking ask; anything else would be a nil call.
type server struct {
	tfprotov6.ProviderServer
	name    string
	schemas schemas
}

func main() {
	path, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	name := strings.TrimPrefix(filepath.Base(path), "terraform-provider-")
	name = strings.SplitN(name, "_", 2)[0]
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "provider_schemas.json"))
	if err != nil {
		log.Fatal(err)
	}
	all := map[string]schemas{}
	if err := json.Unmarshal(text, &all); err != nil {
		log.Fatal(err)
	}
	err = tf6server.Serve("registry.terraform.io/hashicorp/"+name, func() tfprotov6.ProviderServer {
		return &server{name: name, schemas: all[name]}
	})
	if err != nil {
		log.Fatal(err)
	}
}

// typeOf reads a word, or of a list of objects the names and types of what is in them.
func typeOf(told any) tftypes.Type {
	if named, ok := told.(map[string]any); ok {
		of := map[string]tftypes.Type{}
		for name, each := range named {
			of[name] = typeOf(each)
		}
		return tftypes.List{ElementType: tftypes.Object{AttributeTypes: of}}
	}
	switch told {
	case "number":
		return tftypes.Number
	case "bool":
		return tftypes.Bool
	case "list":
		return tftypes.List{ElementType: tftypes.String}
	case "map":
		return tftypes.Map{ElementType: tftypes.String}
	}
	return tftypes.String
}

func block(from *body) *tfprotov6.SchemaBlock {
	made := &tfprotov6.SchemaBlock{}
	for name, each := range from.Arguments {
		made.Attributes = append(made.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: typeOf(each.Type), Required: each.Required, Optional: !each.Required, Computed: !each.Required,
		})
	}
	for name, each := range from.Computed {
		made.Attributes = append(made.Attributes, &tfprotov6.SchemaAttribute{Name: name, Type: typeOf(each), Computed: true})
	}
	for name, each := range from.Blocks {
		nested := &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: block(each), Nesting: tfprotov6.SchemaNestedBlockNestingModeList,
		}
		if name == "timeouts" {
			nested.Nesting = tfprotov6.SchemaNestedBlockNestingModeSingle
		} else {
			if each.Required {
				nested.MinItems = 1
			}
			if !each.Many {
				nested.MaxItems = 1
			}
		}
		made.BlockTypes = append(made.BlockTypes, nested)
	}
	return made
}

func (s *server) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	return &tfprotov6.GetMetadataResponse{}, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	answer := &tfprotov6.GetProviderSchemaResponse{
		ServerCapabilities: &tfprotov6.ServerCapabilities{},
		Provider:           &tfprotov6.Schema{Block: block(&body{Arguments: settings})},
		ResourceSchemas:    map[string]*tfprotov6.Schema{},
		DataSourceSchemas:  map[string]*tfprotov6.Schema{},
	}
	for name, each := range s.schemas.Resource {
		answer.ResourceSchemas[name] = &tfprotov6.Schema{Block: block(each)}
	}
	for name, each := range s.schemas.Data {
		answer.DataSourceSchemas[name] = &tfprotov6.Schema{Block: block(each)}
	}
	return answer, nil
}

func (s *server) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (s *server) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, asked *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: asked.Config}, nil
}

func (s *server) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (s *server) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (s *server) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}
