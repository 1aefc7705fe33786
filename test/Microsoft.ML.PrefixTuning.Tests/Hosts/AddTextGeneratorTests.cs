using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.PrefixTuning.Tests.Serving;
using Microsoft.VisualStudio.TestTools.UnitTesting;

namespace Microsoft.ML.PrefixTuning.Tests.Hosts;

/// <summary>A generator as a service of an application.</summary>
[TestClass]
[TestCategory("Quick")]
public sealed class AddTextGeneratorTests
{
    private const string Question = "name : Venue 1";

    [TestMethod]
    public async Task AddTextGenerator_OfASection_IsOneThatTheContainerDisposes()
    {
        using var served = new ServedBase("tiny-llama");
        using var folder = new TemporaryFolder();
        served.Prefixes["long"].Save(folder["long.safetensors"]);
        TextGenerator generator;
        using (ServiceProvider services = Services(served.Model, new()
        {
            ["Prefixes:long"] = folder["long.safetensors"],
            ["Generation:MaxNewTokens"] = "5",
            ["MaxRows"] = "2",
        }))
        {
            generator = services.GetRequiredService<TextGenerator>();
            Assert.AreSame(generator, services.GetRequiredService<TextGenerator>());
            CollectionAssert.AreEqual(new[] { "long" }, (System.Collections.ICollection)generator.PrefixNames);
            TextResult result = await generator.GenerateAsync(new TextRequest { Text = Question, Prefix = "long" });
            Assert.AreEqual(served.Transform("long", new GenerationOptions { MaxNewTokens = 5 }, [Question])[0][0],
                result.Text);
        }
        await Assert.ThrowsExactlyAsync<ObjectDisposedException>(() =>
            generator.GenerateAsync(new TextRequest { Text = Question }));
    }

    [TestMethod]
    [DataRow("Prefixs:long", "x", "PrefixTuning:Prefixs: expected ", "Did you mean 'Prefixes'?")]
    [DataRow("Prefixes:long", "nowhere.safetensors", "PrefixTuning:Prefixes:long: ", "nowhere.safetensors")]
    [DataRow("Prefixes:long", "", "PrefixTuning:Prefixes:long: expected the file of a prefix, found none.", "")]
    [DataRow("Prefixes", "long.safetensors",
        "PrefixTuning:Prefixes: expected names with files below it, found 'long.safetensors'.", "")]
    [DataRow("Pre-fixes:long", "nowhere.safetensors", "PrefixTuning:Pre-fixes:long: ", "nowhere.safetensors")]
    [DataRow("QueueLimit", "0", "PrefixTuning:QueueLimit: expected 1 or more, found 0.", "")]
    public void AddTextGenerator_OfWhatIsNone_SaysWhereItStands(string key, string value, string expected, string also)
    {
        using var served = new ServedBase("tiny-llama");
        using ServiceProvider services = Services(served.Model, new() { [key] = value });
        string message = Assert.ThrowsExactly<FormatException>(services.GetRequiredService<TextGenerator>).Message;
        Assert.Contains(expected, message);
        Assert.Contains(also, message);
    }

    private static ServiceProvider Services(BaseModel baseModel, Dictionary<string, string?> values)
    {
        var section = new Dictionary<string, string?>();
        foreach ((string key, string? value) in values)
            section[$"PrefixTuning:{key}"] = value;
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(section).Build();
        return new ServiceCollection().AddTextGenerator(baseModel, configuration.GetSection("PrefixTuning"))
            .BuildServiceProvider();
    }
}
