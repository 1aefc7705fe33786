using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Reflection;
using System.Runtime.CompilerServices;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

[assembly: IgnoresAccessChecksTo("Microsoft.ML.Core")]
[assembly: IgnoresAccessChecksTo("Microsoft.ML.Data")]

namespace System.Runtime.CompilerServices
{
    /// <summary>
    /// Known to the runtime by its name: it then lets this assembly use the named assembly's internal members, and lets
    /// reflection see the internal attributes on this assembly.
    /// </summary>
    [AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
    internal sealed class IgnoresAccessChecksToAttribute(string assemblyName) : Attribute
    {
        public string AssemblyName { get; } = assemblyName;
    }
}

namespace Microsoft.ML.PrefixTuning.MlNet
{
    /// <summary>
    /// The only file that uses members of ML.NET that are not public. They are compiled against visible copies of the
    /// reference assemblies (build/VisibleMlNet.targets names the types). That the version in use has them is checked
    /// before the first use (<see cref="MlNetMembers"/>).
    /// </summary>
    /// <remarks>
    /// A transformer that plain <c>mlContext.Model.Load</c> finds needs one line and one method, both in its own file:
    /// <code>
    /// [assembly: LoadableClass(typeof(PrefixTuningTransformer), null, typeof(SignatureLoadModel),
    ///     "Prefix Tuning", PrefixTuningTransformer.LoaderSignature)]
    ///
    /// private static PrefixTuningTransformer Create(IHostEnvironment environment, ModelLoadContext context) =>
    ///     LoadRefusal.Guard(() => Read(environment, context));
    /// </code>
    /// ML.NET finds <c>Create</c> by reflection: static, declared on the type itself, returning exactly that type. The
    /// type must not have a constructor with the same parameters. All types of this assembly must be loadable at that
    /// moment, since ML.NET lists them.
    /// </remarks>
    internal static class MlNetInternals
    {
        /// <summary>The versions of Microsoft.ML whose internal members are known to fit.</summary>
        private const string KnownVersions = "5.0.1 to 6.x";

        /// <summary>The environment that a catalog such as <c>mlContext.Transforms.Text</c> works in.</summary>
        public static IHostEnvironment GetEnvironment(TransformsCatalog.TextTransforms catalog)
        {
            ArgumentNullException.ThrowIfNull(catalog);
            return Use(() => ((IInternalCatalog)catalog).Environment);
        }

        /// <summary>The seed given to the MLContext; null where none was given.</summary>
        public static int? GetSeed(IHostEnvironment environment) =>
            Use(() => (environment as IHostEnvironmentInternal)?.Seed);

        /// <summary>
        /// The MLContext's GpuDeviceId; null means CPU. A host has the value of the moment it was registered.
        /// </summary>
        public static int? GetGpuDeviceId(IHostEnvironment environment) =>
            Use(() => (environment as IHostEnvironmentInternal)?.GpuDeviceId);

        /// <summary>
        /// The MLContext's FallbackToCpu: whether the CPU may stand in for the device that was asked for.
        /// </summary>
        public static bool GetFallbackToCpu(IHostEnvironment environment) =>
            Use(() => environment is not IHostEnvironmentInternal known || known.FallbackToCpu);

        /// <summary>The folder for temporary files that the MLContext names; null where it names none.</summary>
        public static string? GetTempFilePath(IHostEnvironment environment) =>
            Use(() => (environment as IHostEnvironmentInternal)?.TempFilePath);

        /// <summary>
        /// Whether the MLContext was told to cancel what runs in it. That lasts for the context's life.
        /// </summary>
        public static bool IsCanceled(IHostEnvironment environment) =>
            Use(() => environment is ICancelable { IsCanceled: true });

        /// <summary>Throws where <see cref="IsCanceled"/>.</summary>
        /// <exception cref="OperationCanceledException">The MLContext was told to cancel.</exception>
        public static void CheckAlive(IHostEnvironment environment)
        {
            if (IsCanceled(environment))
                throw new OperationCanceledException("The MLContext was told to cancel its execution.");
        }

        /// <summary>The promise of a text column.</summary>
        public static SchemaShape.Column MakeTextColumn(string name) =>
            MakeColumn(name, SchemaShape.Column.VectorKind.Scalar, TextDataViewType.Instance);

        /// <summary>The promise of a column of values that are not keys.</summary>
        public static SchemaShape.Column MakeColumn(string name, SchemaShape.Column.VectorKind kind,
            DataViewType itemType,
            SchemaShape? annotations = null) =>
            Use(() => new SchemaShape.Column(name, kind, itemType, isKey: false, annotations));

        /// <summary>
        /// A column's type in ML.NET's words for error messages, such as <c>Vector&lt;Single&gt;</c>.
        /// </summary>
        public static string GetTypeString(SchemaShape.Column column) => Use(column.GetTypeString);

        /// <summary>Writes who can read this entry; comes before everything else that is written.</summary>
        public static void WriteHeader(ModelSaveContext context, ModelEntryHeader header) => Use(() =>
        {
            context.CheckAtModel();
            context.SetVersionInfo(new VersionInfo(header.ModelSignature, header.Version, header.ReadableFrom,
                header.OldestReadable, typeof(MlNetInternals).Assembly.FullName, header.LoaderSignature));
            return 0;
        });

        /// <summary>Writes numbers to the entry's main stream.</summary>
        public static BinaryWriter GetWriter(ModelSaveContext context) => Use(() => context.Writer);

        /// <summary>Writes a text, or null, to the entry's main stream.</summary>
        public static void WriteString(ModelSaveContext context, string? text) => Use(() =>
        {
            context.SaveStringOrNull(text);
            return 0;
        });

        /// <summary>Writes a stream of its own beside the entry's main stream; it may be longer than 2 GB.</summary>
        public static void WriteStream(ModelSaveContext context, string name, Action<Stream> write) => Use(() =>
        {
            context.SaveBinaryStream(name, writer => write(writer.BaseStream));
            return 0;
        });

        /// <summary>Checks who wrote an entry, before everything else that is read.</summary>
        /// <returns>The version it was written in, between the header's oldest readable one and its own.</returns>
        /// <exception cref="FormatException">Something else wrote this entry.</exception>
        /// <exception cref="NotSupportedException">A version wrote it that this one does not read.</exception>
        public static uint ReadHeader(ModelLoadContext context, ModelEntryHeader header) => Use(() =>
        {
            context.CheckAtModel();
            ulong signature = new VersionInfo(header.ModelSignature, 0, 0, 0, "").ModelSignature;
            ModelHeader found = context.Header;
            if (found.ModelSignature != signature)
                throw new FormatException($"Model entry '{GetPlace(context)}': expected the signature "
                    + $"'{header.ModelSignature}' (0x{signature:x16}), found 0x{found.ModelSignature:x16}.");
            if (found.ModelVerReadable > found.ModelVerWritten)
                throw new FormatException($"Model entry '{GetPlace(context)}': written in version "
                    + $"{found.ModelVerWritten} but readable from version {found.ModelVerReadable}.");
            if (found.ModelVerReadable > header.Version || found.ModelVerWritten < header.OldestReadable)
                throw new NotSupportedException($"Model entry '{GetPlace(context)}': found version "
                    + $"0x{found.ModelVerWritten:x8} (readable from 0x{found.ModelVerReadable:x8}); this version of"
                    + " the library reads "
                    + $"0x{header.OldestReadable:x8} to 0x{header.Version:x8}.");
            return found.ModelVerWritten;
        });

        /// <summary>Reads numbers from the entry's main stream.</summary>
        public static BinaryReader GetReader(ModelLoadContext context) => Use(() => context.Reader);

        /// <summary>
        /// Finds a stream that <see cref="WriteStream"/> wrote, in the archive itself: ML.NET would unpack it to a
        /// temporary file, whatever its size.
        /// </summary>
        /// <returns>The archive's entry; null where there is none of that name.</returns>
        public static ZipArchiveEntry? FindStream(ModelLoadContext context, string name) => Use(() =>
        {
            if ((object?)context.Repository is not { } repository)
                return null;
            // Archives of Windows have its separator.
            string path = Path.Combine(GetPlace(context), name), slashed = path.Replace('\\', '/');
            Dictionary<string, ZipArchiveEntry> entries = Entries(repository);
            return entries.GetValueOrDefault(path) ?? entries.GetValueOrDefault(slashed)
                ?? entries.GetValueOrDefault(slashed.Replace('/', '\\'));
        });

        /// <summary>The entry's folder inside the model file, for messages.</summary>
        public static string GetPlace(ModelLoadContext context) => Use(() => context.Directory ?? "");

        /// <summary>
        /// Runs an access to internal members; names the one that is missing where the version in use has not all of
        /// them.
        /// </summary>
        /// <exception cref="InvalidOperationException">The version of Microsoft.ML in use lacks one.</exception>
        internal static T Use<T>(Func<T> access)
        {
            Check(MlNetMembers.Missing);
            return access();
        }

        /// <summary>Refuses a version of Microsoft.ML.</summary>
        /// <param name="missing">What it lacks; null for nothing.</param>
        internal static void Check(string? missing)
        {
            if (missing is not null)
            {
                throw new InvalidOperationException("Microsoft.ML.PrefixTuning works with Microsoft.ML "
                    + $"{KnownVersions}; found {FoundVersion}, which lacks a member that is needed: {missing} "
                    + "Reference one of these versions in the application.");
            }
        }

        // The type by its name: a formatter's workspace takes that of a signature from the original assembly.
        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_entries")]
        private static extern ref Dictionary<string, ZipArchiveEntry> Entries(
            [UnsafeAccessorType("Microsoft.ML.RepositoryReader, Microsoft.ML.Core")] object repository);

        private static string FoundVersion =>
            typeof(MLContext).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? typeof(MLContext).Assembly.FullName ?? "an unknown version";
    }

    /// <summary>What a model entry says about itself.</summary>
    /// <param name="ModelSignature">Kind of content; exactly 8 characters.</param>
    /// <param name="LoaderSignature">Name of the loadable class; at most 24 characters.</param>
    /// <param name="Version">Version of the layout that is written.</param>
    /// <param name="ReadableFrom">The oldest version that can read what is written.</param>
    /// <param name="OldestReadable">The oldest version that can still be read.</param>
    internal sealed record ModelEntryHeader(
        string ModelSignature, string LoaderSignature, uint Version, uint ReadableFrom, uint OldestReadable);
}
